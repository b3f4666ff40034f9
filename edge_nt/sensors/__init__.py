"""What the machine says of itself: power, temperature, clocks, memory, disk. Stdlib only; reads /sys and /proc."""
