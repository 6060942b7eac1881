"""Audio and pictures: PCM arithmetic, resampling, files, sound devices and images."""
