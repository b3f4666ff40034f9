"""Image, region and detection metrics in numpy and OpenCV; safe to import on a cart."""
