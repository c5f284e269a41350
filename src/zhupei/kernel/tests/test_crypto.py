import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhupei.kernel import crypto
from zhupei.kernel.crypto import (
    BadKey,
    DecryptionFailed,
    Keyring,
    Sm2Signer,
    Sm2Verifier,
    UnknownKey,
    decrypt,
    derive,
    encrypt,
    equal,
    generate_sm2_key,
    hmac_sm3,
    key_version,
    sm3,
)

KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")


def test_sm3_vectors_of_the_standard():
    assert sm3(b"abc") == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert sm3(b"abcd" * 16) == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"


def test_hmac_by_its_definition():
    key, data = b"k" * 20, b"data"
    block = key.ljust(64, b"\0")
    inner = bytes.fromhex(sm3(bytes(b ^ 0x36 for b in block) + data))
    assert hmac_sm3(key, data) == sm3(bytes(b ^ 0x5C for b in block) + inner)


def test_sm4_gcm_vector_of_rfc_8998():
    nonce = bytes.fromhex("00001234567800000000ABCD")
    aad = bytes.fromhex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2")
    plaintext = bytes.fromhex("".join(c * 16 for c in "ABCDEFEA"))
    ciphertext = bytes.fromhex(
        "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735"
        "D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D"
    )
    tag = bytes.fromhex("83DE3541E4C2B58177E065A9BF7B62EC")
    assert decrypt(KEY, b"\x01" + nonce + ciphertext + tag, aad) == plaintext


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_sm4_round_trip(plaintext, aad):
    data = encrypt(KEY, plaintext, aad, version=7)
    assert key_version(data) == 7
    assert len(data) == len(plaintext) + 29
    assert decrypt(KEY, data, aad) == plaintext


def test_two_encryptions_differ():
    assert encrypt(KEY, b"same") != encrypt(KEY, b"same")


def test_changed_bytes_are_refused():
    data = encrypt(KEY, b"secret", b"person 1")
    for i in range(1, len(data)):
        with pytest.raises(DecryptionFailed):
            decrypt(KEY, data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :], b"person 1")
    for bad in (b"", data[:20], data[:-1]):
        with pytest.raises(DecryptionFailed):
            decrypt(KEY, bad, b"person 1")
    with pytest.raises(DecryptionFailed):
        decrypt(KEY, data, b"person 2")
    with pytest.raises(DecryptionFailed):
        decrypt(b"k" * 16, data, b"person 1")
    with pytest.raises(BadKey):
        encrypt(b"short", b"")


def test_derived_keys():
    master = b"m" * 32
    assert derive(master, "id number") == derive(master, "id number")
    assert derive(master, "id number") != derive(master, "phone")
    assert len(derive(master, "mac", 32)) == 32
    with pytest.raises(BadKey):
        derive(b"short", "id number")


def test_rotation():
    masters = {1: b"a" * 32}
    old = Keyring.derived(masters, 1, "id number")
    data = old.encrypt(b"secret", b"aad")
    ring = Keyring.derived({**masters, 2: b"b" * 32}, 2, "id number")
    assert ring.decrypt(data, b"aad") == b"secret"
    assert not ring.is_current(data)
    fresh = ring.encrypt(b"secret", b"aad")
    assert ring.is_current(fresh)
    with pytest.raises(UnknownKey):
        old.decrypt(fresh, b"aad")
    with pytest.raises(DecryptionFailed):
        ring.decrypt(b"")


def test_a_ring_checks_its_keys():
    with pytest.raises(UnknownKey):
        Keyring({1: KEY}, 2)
    for keys in ({0: KEY}, {256: KEY}, {1: b"short"}):
        with pytest.raises(BadKey):
            Keyring(keys, 1)


def test_equal():
    assert equal("筑", "筑")
    assert not equal(b"a", b"b")
    assert equal("a", b"a")


PRIVATE = "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8".lower()
PUBLIC = (
    "0409F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
).lower()
SIGNATURE = (
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)


def test_sm2_vector_of_the_standard():
    """GB/T 32918.5-2017, annex A."""
    assert Sm2Signer(PRIVATE).public_key == PUBLIC
    assert Sm2Verifier(PUBLIC).verify(b"message digest", SIGNATURE)


def test_sm2_sign_and_verify():
    signer: crypto.Signer = Sm2Signer(generate_sm2_key())
    verifier: crypto.Verifier = Sm2Verifier(signer.public_key)
    signature = signer.sign("成绩".encode())
    assert len(signature) == 128
    assert verifier.public_key == signer.public_key
    assert verifier.verify("成绩".encode(), signature)
    assert not verifier.verify(b"other", signature)
    assert not Sm2Verifier(PUBLIC).verify("成绩".encode(), signature)
    for bad in ("", "zz", "0" * 128, "f" * 128, signature[:-2], signature + "00", " " + signature):
        assert not verifier.verify("成绩".encode(), bad)


@settings(max_examples=5, deadline=None)
@given(st.integers(1, 2**32))
def test_small_private_keys_keep_their_length(number):
    signer = Sm2Signer(f"{number:064x}")
    assert Sm2Verifier(signer.public_key).verify(b"x", signer.sign(b"x"))


@pytest.mark.parametrize("key", ["", "00" * 32, "ff" * 32, "xy" * 32, PRIVATE + "00"])
def test_bad_private_keys(key):
    with pytest.raises(BadKey):
        Sm2Signer(key)


@pytest.mark.parametrize(
    "key", ["", "00", "04" + "00" * 64, "04" + "ff" * 64, "02" + PUBLIC[2:], PUBLIC[:-2] + "14"]
)
def test_bad_public_keys(key):
    with pytest.raises(BadKey):
        Sm2Verifier(key)


def test_generated_keys_differ():
    assert generate_sm2_key() != generate_sm2_key()
