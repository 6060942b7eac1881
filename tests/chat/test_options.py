"""The options of a chat."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from livecli.chat.options import ChatOptions
from livecli.client.open import Timeouts
from livecli.client.sender import SendOptions
from livecli.protocol.endpoint import Target
from livecli.protocol.setup import SetupOptions


def test_a_target_is_enough():
    options = ChatOptions(Target(local=True))
    assert (options.configuration, options.sending, options.timeouts) == (SetupOptions(), SendOptions(), Timeouts())
    assert (list(options.toolbox), options.confirm, options.resume) == ([], None, None)
    assert options.is_kept


def test_two_chats_do_not_share_a_toolbox():
    assert ChatOptions(Target()).toolbox is not ChatOptions(Target()).toolbox


def test_options_do_not_change():
    with pytest.raises(FrozenInstanceError):
        ChatOptions(Target()).resume = "3"
