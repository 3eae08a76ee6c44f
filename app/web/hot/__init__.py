"""The fast lane: images that were served lately are served again without a request, a task or a database."""
