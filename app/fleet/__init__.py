"""Several processes that are one deployment: one keeps the volume, all of them serve, a supervisor watches them."""
