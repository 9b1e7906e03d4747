// Loaded before each test file, after tap's own hook, which has every stack trace looked up in source maps: for each
// assertion, and for each error that a test provokes. Node strips types in place, so there are none, and every line is as
// written.
process.setSourceMapsEnabled(false);
