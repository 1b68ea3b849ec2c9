# src/sa
