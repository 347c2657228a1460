"""A small cloud service, built the way nova was in 2011: managers that talk over a message bus."""
