"""The bundle: what the workstation hands to the cart, written whole and read with every hash verified."""
