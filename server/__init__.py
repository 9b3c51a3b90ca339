"""The gallery: what an artist, a work and a rule are. Knows nothing of HTTP and nothing of ActivityPub."""
