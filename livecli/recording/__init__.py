"""Recorded sessions: the file format `.live`, its reader and its writer, and the removal of secrets from frames.

with LiveFile(path, warn=print) as file:
    recorder = Recorder(file, Redactor(secrets))
    recorder.begin(Header(platform="vertex", model="gemini-3.8-live"), at=0.0)
    recorder.frame(Direction.CLIENT, b'{"setup": {}}', at=0.1)
    recorder.close(1000, "", By.CLIENT, at=0.5)

for connection in read_live(path.read_bytes()).connections:
    for frame in connection.frames:
        print(frame.at, frame.direction, frame.data)
"""
