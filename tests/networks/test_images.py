from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from rnnkit.errors import ShapeError
from rnnkit.networks import (
    AttentionDecoder,
    Augment,
    CaptionerNetwork,
    ConvEncoder,
    FrameEmbedding,
    GivenEncoder,
)
from rnnkit.packed import Packed

# -- encoders -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "grid", "blocks"),
    [(1, 1, 1), (7, 4, 1), (8, 4, 1), (64, 4, 4), (96, 6, 4)],
)
def test_images_of_any_size_become_a_small_grid(size, grid, blocks):
    encoder = ConvEncoder(3, size, 32)
    assert encoder(torch.randn(2, 3, size, size)).shape == (2, 32, grid, grid)
    assert len(encoder.blocks) == blocks
    assert encoder.grid == (grid, grid)


def test_an_image_has_the_same_features_alone_as_in_a_batch_in_training_too():
    encoder = ConvEncoder(1, 16, 8).double()
    images = torch.randn(5, 1, 16, 16, dtype=torch.float64)
    together = encoder(images)
    for image, features in zip(images, together, strict=True):
        torch.testing.assert_close(encoder(image[None])[0], features, rtol=0, atol=1e-12)


def test_the_encoders_gradient_is_that_of_its_equation():
    encoder = ConvEncoder(1, 6, 4).double()
    image = torch.randn(2, 1, 6, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(encoder, (image,))


def test_a_given_module_may_give_a_vector_or_a_grid():
    images = torch.randn(2, 3, 8, 8)
    vector = GivenEncoder(nn.Sequential(nn.Flatten(), nn.Linear(192, 5)), 3, 8)
    assert (vector.output_size, vector(images).shape) == (5, (2, 5, 1, 1))
    grid = GivenEncoder(nn.Conv2d(3, 7, 4, stride=4), 3, 8)
    assert (grid.output_size, grid(images).shape) == (7, (2, 7, 2, 2))
    assert (vector.grid, grid.grid) == ((1, 1), (2, 2))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Flatten(0), r"the encoder returned \(192,\) for images \(1, 3, 8, 8\)"),
        (nn.Flatten(0, 1), r"returned \(3, 8, 8\)"),
        (nn.Unflatten(1, (3, 1)), r"\(B, M\) or \(B, M, h, w\) was expected"),
        (nn.LSTM(8, 4), "tuple"),
    ],
)
def test_a_given_module_that_gives_anything_else_is_refused(module, message):
    if isinstance(module, nn.LSTM):
        module = nn.Sequential(nn.Flatten(2), nn.LSTM(64, 4))
    with pytest.raises(ShapeError, match=message):
        GivenEncoder(module, 3, 8)


def test_a_frozen_module_keeps_its_statistics_and_makes_no_graph():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    trained = GivenEncoder(module, 3, 8).train()
    assert module.training
    assert trained(torch.randn(2, 3, 8, 8)).requires_grad
    before = {name: value.clone() for name, value in module.state_dict().items()}
    frozen = GivenEncoder(module.requires_grad_(False), 3, 8).train()
    assert not module.training
    assert not frozen(torch.randn(2, 3, 8, 8)).requires_grad
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


# -- augmentation -------------------------------------------------------------------------------


def test_augmentation_moves_and_mirrors_in_training_only():
    images = torch.randn(40, 1, 6, 6)
    augment = Augment(shift=1, flip=True)
    assert augment.eval()(images) is images
    moved = augment.train()(images)
    assert moved.shape == images.shape
    # Every image is one of the 3 x 3 x 2 that it may become.
    padded = torch.nn.functional.pad(images, (1,) * 4, mode="replicate")
    forms = [padded[..., i : i + 6, j : j + 6] for i in range(3) for j in range(3)]
    mirrored = torch.nn.functional.pad(images.flip(-1), (1,) * 4, mode="replicate")
    forms += [mirrored[..., i : i + 6, j : j + 6] for i in range(3) for j in range(3)]
    same = torch.stack([(form == moved).flatten(1).all(dim=1) for form in forms])
    assert same.any(dim=0).all()
    assert same.any(dim=1).sum() > 9
    torch.manual_seed(3)
    one = augment(images)
    torch.manual_seed(3)
    assert torch.equal(augment(images), one)


def test_images_of_one_group_are_moved_alike():
    group = torch.tensor([0, 1, 0, 2, 1, 0])
    images = torch.randn(3, 1, 8, 8)[group]
    moved = Augment(shift=2, flip=True).train()(images, group)
    for one in range(3):
        assert (moved[group == one] == moved[group == one][0]).all()
    many = torch.arange(40)
    alone = torch.randn(1, 1, 8, 8).expand(40, 1, 8, 8)
    assert len(torch.unique(Augment(shift=2).train()(alone, many), dim=0)) > 5


# -- frames of videos ---------------------------------------------------------------------------


def frames(encoder=None, **options):
    encoder = ConvEncoder(1, 16, 8) if encoder is None else encoder
    return FrameEmbedding(encoder, 12, **options)


def videos(*lengths):
    return Packed.from_sequences(
        [torch.randint(256, (length, 1, 16, 16), dtype=torch.uint8) for length in lengths]
    )


def test_a_frame_has_the_same_vector_whatever_is_around_it():
    embedding, x = frames(), videos(3, 5)
    vectors = embedding(x)
    assert vectors.data.shape == (8, 12)
    for video, rows in zip(x.to_sequences(), vectors.to_sequences(), strict=True):
        for frame, row in zip(video, rows, strict=True):
            alone = embedding(Packed.from_sequences([frame[None]])).data[0]
            torch.testing.assert_close(row, alone, rtol=0, atol=1e-5)


def test_where_something_is_in_the_picture_is_kept():
    module = nn.Conv2d(1, 3, 4, stride=4)
    embedding = frames(GivenEncoder(module, 1, 16))
    picture = torch.zeros(1, 1, 16, 16)
    picture[..., 3:5, 3:5] = 255
    pair = (picture, picture.flip(-2).flip(-1))
    module.weight.data.copy_(module.weight + module.weight.flip(-1, -2))
    # A mean over the places would be the same for both.
    torch.testing.assert_close(*(module(one).mean(dim=(2, 3)) for one in pair))
    left, right = (embedding(Packed.from_sequences([one])).data for one in pair)
    assert (left - right).abs().max() > 0.01


def test_without_a_graph_some_frames_are_encoded_at_a_time(monkeypatch):
    monkeypatch.setitem(FrameEmbedding.forward.__globals__, "AT_ONCE", 3)
    embedding, x = frames(), videos(7, 2)
    sizes = []
    embedding.encoder.register_forward_hook(lambda _, images, __: sizes.append(len(images[0])))
    with torch.no_grad():
        pieces = embedding(x).data
    assert sizes == [3, 3, 3]
    torch.testing.assert_close(embedding(x).data, pieces, rtol=0, atol=1e-6)
    assert sizes == [3, 3, 3, 9]


def test_the_scale_of_given_features_does_not_matter():
    class Scaled(nn.Module):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def forward(self, images):
            return images.flatten(1)[:, :40] * self.factor

    small, large = (frames(GivenEncoder(Scaled(factor), 1, 16)) for factor in (0.1, 100.0))
    large.load_state_dict(small.state_dict())
    x = videos(4)
    torch.testing.assert_close(small(x).data, large(x).data, rtol=0, atol=0.05)
    assert large(x).data.std() > 0.1


def test_all_frames_of_a_video_are_augmented_alike():
    same = torch.randint(256, (1, 1, 16, 16), dtype=torch.uint8).expand(6, 1, 16, 16)
    embedding = frames(augment=Augment(shift=4)).train()
    rows = [embedding(Packed.from_sequences([same, same])).to_sequences() for _ in range(4)]
    for first, second in rows:
        torch.testing.assert_close(first, first[:1].expand(6, 12))
        torch.testing.assert_close(second, second[:1].expand(6, 12))
    assert any((first - second).abs().max() > 1e-4 for first, second in rows)


# -- the whole network --------------------------------------------------------------------------


def network(cell="lstm", encoder=None, *, summary="mean", **options):
    places = math.prod(encoder.grid) if summary == "places" else 1
    decoder = AttentionDecoder(
        9, 6, 5, 8, cell=cell, num_layers=2, summary_size=8 * places, **options
    )
    return CaptionerNetwork(encoder, decoder, summary=summary).eval().double()


def tokens(*lengths):
    return Packed.from_sequences([torch.randint(9, (n,)) for n in lengths])


def test_encoders_say_how_many_places_their_grid_has():
    assert ConvEncoder(3, 96, 32).grid == (6, 6)
    assert GivenEncoder(nn.Conv2d(3, 7, 4, stride=(4, 2)), 3, 8).grid == (2, 3)
    assert GivenEncoder(nn.Flatten(), 3, 8).grid == (1, 1)


def test_a_summary_of_places_knows_where_a_thing_is_and_their_mean_does_not():
    images = torch.zeros(2, 1, 8, 8, dtype=torch.float64)
    images[0, :, :4, :4] = images[1, :, 4:, 4:] = 1.0  # the same thing, elsewhere
    for summary, alike in (("mean", True), ("places", False)):
        module = nn.Conv2d(1, 8, 4, stride=4)
        net = network("gru", GivenEncoder(module, 1, 8), summary=summary)
        _, state = net.encode(images)
        first, second = state.layers[0][0]
        assert torch.allclose(first, second, rtol=0, atol=1e-12) == alike


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "none"])
@pytest.mark.parametrize("feeding", [True, False])
@pytest.mark.parametrize("summary", ["mean", "places"])
def test_captions_that_share_an_image_are_those_of_copies_of_it(cell, feeding, summary):
    net = network(cell, ConvEncoder(1, 8, 8), input_feeding=feeding, summary=summary)
    images, inputs = torch.randn(2, 1, 8, 8).double(), tokens(2, 4, 3)
    rows = torch.tensor([1, 0, 1])
    shared = net(images, rows=rows, inputs=inputs)
    copied = net(images[rows], rows=torch.arange(3), inputs=inputs)
    torch.testing.assert_close(shared, copied, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "none"])
@pytest.mark.parametrize("attention", ["additive", "multiplicative"])
def test_steps_of_search_are_those_of_teacher_forcing(cell, attention):
    net = network(cell, ConvEncoder(1, 8, 8), attention=attention)
    images, inputs = torch.randn(3, 1, 8, 8).double(), tokens(4, 4, 4)
    forced = inputs.with_data(net(images, rows=torch.arange(3), inputs=inputs)).to_sequences()
    memory, state = net.encode(images)
    steps = []
    for token in torch.stack(inputs.to_sequences()).T:
        log_probs, state = net.decoder.step(token, memory, state)
        steps.append(log_probs)
    expected = torch.log_softmax(torch.stack(forced), dim=-1)
    torch.testing.assert_close(torch.stack(steps, dim=1), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", ["lstm", "none"])
def test_features_of_several_places_are_read_as_a_grid_without_padding(cell):
    net = network(cell)
    places = [torch.randn(n, 8).double() for n in (1, 4, 2)]
    inputs = tokens(3, 2, 5)
    rows = torch.arange(3)
    together = net(Packed.from_sequences(places), rows=rows, inputs=inputs)
    for one, text, found in zip(
        places, inputs.to_sequences(), inputs.with_data(together).to_sequences(), strict=True
    ):
        alone = net(
            Packed.from_sequences([one]), rows=rows[:1], inputs=Packed.from_sequences([text])
        )
        torch.testing.assert_close(alone, found, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", ["gru", "none"])
@pytest.mark.parametrize("feeding", [True, False])
def test_the_weights_shown_are_those_that_are_used(cell, feeding):
    net = network(cell, ConvEncoder(1, 8, 8), input_feeding=feeding)
    images, inputs = torch.randn(2, 1, 8, 8).double(), tokens(2, 3)
    used = []
    net.decoder.attention.register_forward_hook(lambda module, args, out: used.append(out[1]))
    net(images, rows=torch.arange(2), inputs=inputs)
    if cell == "none" or not feeding:
        (at_once,) = used
        expected = inputs.layout.unpad(at_once.transpose(0, 1))
    else:
        expected = torch.cat([weights.squeeze(1) for weights in used])
    weights, grid = net.attended(images, rows=torch.arange(2), inputs=inputs)
    assert grid == (4, 4)
    torch.testing.assert_close(weights, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(5).double())


def test_dropout_drops_a_feature_everywhere_in_an_image():
    decoder = AttentionDecoder(9, 6, 5, 8)
    net = CaptionerNetwork(GivenEncoder(nn.Conv2d(1, 8, 1), 1, 4), decoder, dropout=0.5)
    memory, _, _ = net.train().features(torch.randn(3, 1, 4, 4))
    dropped = (memory == 0).all(dim=1)
    assert dropped.any()
    assert ((memory == 0).any(dim=1) == dropped).all()
