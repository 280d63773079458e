"""What the rest leans on and no user sees: files kept between processes, progress, the garbage collector."""
