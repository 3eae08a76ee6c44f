"""The pages for people: their files, and what is built from them once, at start."""
