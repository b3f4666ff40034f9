"""Dataset folders: the manifest, the boxes, importers, checks and the hospital-wise split."""
