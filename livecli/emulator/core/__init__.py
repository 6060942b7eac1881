"""emulator/core"""
