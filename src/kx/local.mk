# src/kx
