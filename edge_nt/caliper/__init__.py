"""The NT caliper: how thick the dark band between two bright lines is, or why that cannot be said."""
