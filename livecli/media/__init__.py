"""Sound: PCM arithmetic, resampling, files and devices."""
