# unit tests of src/sa
