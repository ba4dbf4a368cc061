"""Taking in a version of a plate list: manifest, rows, the table they are staged in, uploads in pieces."""
