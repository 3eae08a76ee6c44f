"""What Holdfast does.  Services decide, ports act; nothing here knows HTTP or SQL."""
