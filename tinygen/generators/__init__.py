"""The generators of the book, one file each, to be read from top to bottom."""
