"""Everything edge-detect raises on purpose.

::

    EdgeDetectError
    ├── AudioError               one source could not be answered; the others still are
    │   ├── FileNotFound         file_not_found
    │   ├── NotAFile             not_a_file       a folder, a device, a socket
    │   ├── FileUnreadable       file_unreadable  the system refused
    │   ├── EmptyFile            empty_file       zero bytes
    │   ├── UnsupportedAudio     unsupported_audio
    │   ├── NoSamples            no_samples       a valid file with no audio in it
    │   ├── TooShort             too_short        below the encoder's receptive field
    │   ├── TooLong              too_long         more than one pass can hold in memory
    │   ├── NotFinite            not_finite       NaN or infinite samples
    │   ├── NoSpeech             no_speech        silence from end to end
    │   ├── ChannelsCancel       channels_cancel  their mean is not what a listener hears
    │   ├── UrlRefused           url_refused      a private network, credentials, another scheme
    │   ├── DownloadFailed       download_failed  no host, no connection, 404, cut off
    │   ├── DownloadTooLarge     download_too_large
    │   └── DownloadTimeout      download_timeout
    ├── InferenceError           inference_failed onnxruntime gave up on this input
    ├── DatasetError             dataset_invalid  labelled clips that can't be used
    ├── ConditionUnavailable     condition_unavailable
    ├── OutputError              output_failed    a file of results that can't be written
    └── ModelError               no source can be answered
        ├── ModelNotFound        model_not_found
        ├── InvalidManifest      invalid_manifest
        ├── ModelCorrupted       model_corrupted  a missing or changed file
        ├── BundleInvalid        bundle_invalid   an archive that holds no whole, unchanged model
        ├── PlacementError       placement_failed a model that can't be added or removed
        ├── PrecisionUnavailable precision_unavailable
        ├── DeviceUnavailable    device_unavailable
        ├── VerdictUnavailable   verdict_unavailable
        └── ProfileInvalid       profile_invalid  unreadable, or made for another model

    UserWarning
    ├── OtherTracks              answered from one of several audio tracks
    └── TruncatedAudio           answered from what could be read

The export half adds its own branch under `EdgeDetectError`. Each class's `type` is the stable name
that the command's JSON carries; the message is one line that names the value and the remedy.
"""

from typing import ClassVar


class EdgeDetectError(Exception):
    """Base of every error raised on purpose; `type` is its stable name in the command's output."""

    type: ClassVar[str] = "error"

    @property
    def message(self) -> str:
        """The one line for a person."""
        return str(self)


class AudioError(EdgeDetectError):
    """One source could not be answered."""

    type = "audio_error"


class FileNotFound(AudioError):
    """The path names nothing."""

    type = "file_not_found"


class NotAFile(AudioError):
    """The path names a folder or something else that is no regular file."""

    type = "not_a_file"


class FileUnreadable(AudioError):
    """The system refused to open or read the file."""

    type = "file_unreadable"


class EmptyFile(AudioError):
    """The file or buffer has zero bytes."""

    type = "empty_file"


class UnsupportedAudio(AudioError):
    """The content is no audio that libsndfile or FFmpeg can decode."""

    type = "unsupported_audio"


class NoSamples(AudioError):
    """The container is valid and holds no audio samples."""

    type = "no_samples"


class TooShort(AudioError):
    """The audio is shorter than the encoder's receptive field."""

    type = "too_short"


class TooLong(AudioError):
    """The audio is longer than one pass of the encoder can hold in memory."""

    type = "too_long"


class NotFinite(AudioError):
    """The waveform holds NaN or infinite samples."""

    type = "not_finite"


class NoSpeech(AudioError):
    """The audio is silence from end to end, so there is nothing to judge."""

    type = "no_speech"


class ChannelsCancel(AudioError):
    """Next to nothing is left where the channels are averaged, as with one that is inverted."""

    type = "channels_cancel"


class UrlRefused(AudioError):
    """The address may not be fetched: its scheme, its credentials, or where it leads."""

    type = "url_refused"


class DownloadFailed(AudioError):
    """The address gave no file: no host, no connection, an error's status, a cut-off answer."""

    type = "download_failed"


class DownloadTooLarge(AudioError):
    """The content is larger than the limit."""

    type = "download_too_large"


class DownloadTimeout(AudioError):
    """The transfer took longer than the limit, or stood still."""

    type = "download_timeout"


class InferenceError(EdgeDetectError):
    """onnxruntime could not run a graph on this input."""

    type = "inference_failed"


class DatasetError(EdgeDetectError):
    """The labelled clips, or their labels, can't be used."""

    type = "dataset_invalid"


class ConditionUnavailable(EdgeDetectError):
    """Clips can't be heard through a condition: nothing has its name, or its encoder is missing."""

    type = "condition_unavailable"


class OutputError(EdgeDetectError):
    """A file of results can't be written."""

    type = "output_failed"


class ModelError(EdgeDetectError):
    """The model package can't be used, so no source can be answered."""

    type = "model_error"


class ModelNotFound(ModelError):
    """No model package has that name, or the folder holds none."""

    type = "model_not_found"


class InvalidManifest(ModelError):
    """manifest.json is not what this version can read."""

    type = "invalid_manifest"


class ModelCorrupted(ModelError):
    """A file of the model package is missing or differs from the manifest's sha256."""

    type = "model_corrupted"


class BundleInvalid(ModelError):
    """An archive is no bundle, or what it holds is not what its checksums say."""

    type = "bundle_invalid"


class PlacementError(ModelError):
    """A model can't be placed among those that are found by name, or removed from them."""

    type = "placement_failed"


class PrecisionUnavailable(ModelError):
    """The model package has no encoder graph of that precision."""

    type = "precision_unavailable"


class DeviceUnavailable(ModelError):
    """The asked device can't be used with the onnxruntime that is installed."""

    type = "device_unavailable"


class VerdictUnavailable(ModelError):
    """The model says too little for what is asked of its verdict."""

    type = "verdict_unavailable"


class ProfileInvalid(ModelError):
    """A calibration profile can't be read, or was made for another model."""

    type = "profile_invalid"


class OtherTracks(UserWarning):
    """A file has several audio tracks; the answer rests on one of them."""


class TruncatedAudio(UserWarning):
    """A file is damaged or cut off; the answer rests on what could be read of it."""
