//! What only a real file on a real disk shows.
