# unit tests of src/kx
