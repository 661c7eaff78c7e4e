//! What only the shared journal must withstand.
