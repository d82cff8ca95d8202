//! Fills an account from a folder of canonical CSV files.
