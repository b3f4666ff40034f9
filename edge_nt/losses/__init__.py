"""The training losses (torch): MS-SSIM, ROI L1, ROI Sobel-edge L1 and the gradient calibration of their weights."""
