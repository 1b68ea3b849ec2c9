# src/dataplane
