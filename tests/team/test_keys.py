from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.keys.device_key import DeviceKey, is_sound, seal_for, verify
from devstream_desktop.keys.errors import RecoveryKeyError
from devstream_desktop.keys.recovery_key import read_recovery_key, write_recovery_key
from devstream_desktop.stream.entry import device_id, public_key

KEY = DeviceKey.from_seed(bytes(range(32)))
SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]


def test_id_is_the_public_key() -> None:
    assert KEY.id == device_id(KEY.public)
    assert public_key(KEY.id) == KEY.public
    assert len(KEY.id) == 52


def test_a_seed_gives_the_same_key_again() -> None:
    key = DeviceKey.generate()
    assert DeviceKey.from_seed(key.seed).id == key.id
    with pytest.raises(ValueError, match="32 bytes"):
        DeviceKey.from_seed(b"short")


def test_the_secret_is_not_printed() -> None:
    assert KEY.seed.hex() not in repr(KEY)
    assert repr(KEY) == f"DeviceKey({KEY.id[:8]})"


@given(st.binary(max_size=200), st.integers(min_value=0, max_value=64 * 8 - 1))
def test_a_signature_with_one_bit_changed_is_none(message: bytes, bit: int) -> None:
    signature = KEY.sign(message)
    assert verify(KEY.public, message, signature)
    changed = bytearray(signature)
    changed[bit // 8] ^= 1 << (bit % 8)
    assert not verify(KEY.public, message, bytes(changed))
    assert not verify(KEY.public, message + b"x", signature)


@given(st.binary(max_size=40), st.binary(max_size=20), st.binary(max_size=70))
def test_verify_never_raises(public: bytes, message: bytes, signature: bytes) -> None:
    assert verify(public, message, signature) is False


@pytest.mark.parametrize("key", SMALL_ORDER)
def test_small_order_keys_are_neither_enrolled_nor_believed(key: str) -> None:
    assert not is_sound(bytes.fromhex(key))
    assert not verify(bytes.fromhex(key), b"anything", bytes.fromhex(key) + bytes(32))


def test_ordinary_keys_are_sound() -> None:
    assert all(is_sound(DeviceKey.generate().public) for _ in range(20))
    assert not is_sound(b"")
    assert not is_sound(b"\xff" * 32)


def test_a_recovery_key_survives_paper() -> None:
    key = DeviceKey.generate()
    text = write_recovery_key(key)
    assert read_recovery_key(f"  {text.upper()}\n").id == key.id
    assert read_recovery_key(text.replace("-", " ").replace("dsr1 ", "dsr1-")).id == key.id
    for wrong in (
        "",
        "dsr1-",
        text[:-1],
        text[:20] + ("a" if text[20] != "a" else "b") + text[21:],
        "ds1-" + text,
    ):
        with pytest.raises(RecoveryKeyError, match="recovery key"):
            read_recovery_key(wrong)


def test_what_is_sealed_to_a_device_opens_there_alone() -> None:
    one, other = DeviceKey.generate(), DeviceKey.generate()
    assert one.unseal(seal_for(one.public, b"secret")) == b"secret"
    for sealed in (seal_for(other.public, b"secret"), b"", seal_for(one.public, b"secret")[:-1]):
        with pytest.raises(ValueError, match="sealed to another"):
            one.unseal(sealed)
    with pytest.raises(ValueError, match="not a sound device key"):
        seal_for(bytes(32), b"secret")
