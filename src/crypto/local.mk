# src/crypto
