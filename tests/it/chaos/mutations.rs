//! Guards taken away, to show that the checker finds it.
