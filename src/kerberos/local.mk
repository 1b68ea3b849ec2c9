# src/kerberos
