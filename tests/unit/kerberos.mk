# unit tests of src/kerberos
