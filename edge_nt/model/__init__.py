"""The 128-D latent convolutional autoencoder (torch)."""
