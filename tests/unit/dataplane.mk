# unit tests of src/dataplane
