"""Sound of audio summaries: WAV files of 16 bits."""
import io
import wave

import numpy as np


def wave_file(sound, rate):
    """The bytes of a WAV file of (frames, channels) floats from -1 to 1."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(sound.shape[1])
        out.setsampwidth(2)
        out.setframerate(round(rate))
        out.writeframes(np.rint(np.clip(sound, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())
    return file.getvalue()
