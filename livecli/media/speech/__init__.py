"""Speech synthesis and speech recognition, of the extra `livecli[speech]`."""
