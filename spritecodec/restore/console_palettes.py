"""The colours that well-known consoles and computers could show, and their sources."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


def _table(text: str) -> Bytes:
    """RGB of hexadecimal numbers, shape (k, 3), uint8."""
    return np.array([list(bytes.fromhex(number)) for number in text.split()], np.uint8)


def _levels(count: int) -> str:
    """All colours whose channels have `count` equally spaced levels."""
    values = [round(255 * k / (count - 1)) for k in range(count)]
    return " ".join(f"{r:02X}{g:02X}{b:02X}" for r in values for g in values for b in values)


# Fewer colours first: of palettes that fit equally well, the smaller one says more.
CONSOLES: dict[str, Bytes] = {
    # The four greens of the original screen as most emulators draw them (DMG; Lospec).
    "game-boy-green": _table("0F380F 306230 8BAC0F 9BBC0F"),
    # The default greens of the emulator BGB.
    "game-boy-bgb": _table("081820 346856 88C070 E0F8D0"),
    # Two bits of grey spread over 0..255.
    "game-boy-grey": _table("000000 555555 AAAAAA FFFFFF"),
    # Sinclair ZX Spectrum, normal at 0xD7 and bright at 0xFF (Wikipedia).
    "zx-spectrum": _table(
        "000000 0000D7 D70000 D700D7 00D700 00D7D7 D7D700 D7D7D7 0000FF FF0000 FF00FF 00FF00 "
        "00FFFF FFFF00 FFFFFF"
    ),
    # The same with normal at 0xCD, as some emulators draw it.
    "zx-spectrum-cd": _table(
        "000000 0000CD CD0000 CD00CD 00CD00 00CDCD CDCD00 CDCDCD 0000FF FF0000 FF00FF 00FF00 "
        "00FFFF FFFF00 FFFFFF"
    ),
    # Philip Timmermann, "Commodore VIC-II colour analysis" (pepto.de); the default of VICE.
    "c64-pepto": _table(
        "000000 FFFFFF 68372B 70A4B2 6F3D86 588D43 352879 B8C76F 6F4F25 433900 9A6759 444444 "
        "6C6C6C 9AD284 6C5EB5 959595"
    ),
    # Philip Timmermann, colodore.com.
    "c64-colodore": _table(
        "000000 FFFFFF 813338 75CEC8 8E3C97 56AC4D 2E2C9B EDF171 8E5029 553800 C46C71 4A4A4A "
        "7B7B7B A9FF9F 706DEB B2B2B2"
    ),
    # PICO-8 user manual, the 16 standard colours.
    "pico-8": _table(
        "000000 1D2B53 7E2553 008751 AB5236 5F574F C2C3C7 FFF1E8 FF004D FFA300 FFEC27 00E436 "
        "29ADFF 83769C FF77A8 FFCCAA"
    ),
    # IBM CGA and EGA, the 16 default RGBI colours (IBM Technical Reference; Wikipedia).
    "ega": _table(
        "000000 0000AA 00AA00 00AAAA AA0000 AA00AA AA5500 AAAAAA 555555 5555FF 55FF55 55FFFF "
        "FF5555 FF55FF FFFF55 FFFFFF"
    ),
    # The default palette of the emulator FCEUX.
    "nes-fceux": _table(
        "747474 24188C 0000A8 44009C 8C0074 A80010 A40000 7C0800 402C00 004400 005000 003C14 "
        "183C5C 000000 BCBCBC 0070EC 2038EC 8000F0 BC00BC E40058 D82800 C84C0C 887000 009400 "
        "00A800 009038 008088 FCFCFC 3CBCFC 5C94FC CC88FC F478FC FC74B4 FC7460 FC9838 F0BC3C "
        "80D010 4CDC48 58F898 00E8D8 787878 A8E4FC C4D4FC D4C8FC FCC4FC FCC4D8 FCBCB0 FCD8A8 "
        "FCE4A0 E0FCA0 A8F0BC B0FCCC 9CFCF0 C4C4C4"
    ),
    # Measured from a 2C02 (NESdev Wiki, "PPU palettes").
    "nes-2c02": _table(
        "545454 001E74 081090 300088 440064 5C0030 540400 3C1800 202A00 083A00 004000 003C00 "
        "00323C 000000 989698 084CC4 3032EC 5C1EE4 8814B0 A01464 982220 783C00 545A00 287200 "
        "087C00 007628 006678 ECEEEC 4C9AEC 787CEC B062EC E454EC EC58B4 EC6A64 D48820 A0AA00 "
        "74C400 4CD020 38CC6C 38B4CC 3C3C3C A8CCEC BCBCEC D4B2EC ECAEEC ECAED4 ECB4B0 E4C490 "
        "CCD278 B4DE78 A8E290 98E2B4 A0D6E4 A0A2A0"
    ),
    # The table most shown for the NES (Wikipedia, "List of video game console palettes"; nes-py).
    "nes": _table(
        "7C7C7C 0000FC 0000BC 4428BC 940084 A80020 A81000 881400 503000 007800 006800 005800 "
        "004058 000000 BCBCBC 0078F8 0058F8 6844FC D800CC E40058 F83800 E45C10 AC7C00 00B800 "
        "00A800 00A844 008888 F8F8F8 3CBCFC 6888FC 9878F8 F878F8 F85898 F87858 FCA044 F8B800 "
        "B8F818 58D854 58F898 00E8D8 787878 FCFCFC A4E4FC B8B8F8 D8B8F8 F8B8F8 F8A4C0 F0D0B0 "
        "FCE0A8 F8D878 D8F878 B8F8B8 B8F8D8 00FCFC F8D8F8"
    ),
    # IBM EGA: two bits a channel; Sega Master System: the same 64 colours.
    "ega-64": _table(_levels(4)),
    # NTSC, the standard palette of the emulator Stella; also that of the Arcade Learning
    # Environment.
    "atari-2600": _table(
        "000000 4A4A4A 6F6F6F 8E8E8E AAAAAA C0C0C0 D6D6D6 ECECEC 484800 69690F 86861D A2A22A "
        "BBBB35 D2D240 E8E84A FCFC54 7C2C00 904811 A26221 B47A30 C3903D D2A44A DFB755 ECC860 "
        "901C00 A33915 B55328 C66C3A D5824A E39759 F0AA67 FCBC74 940000 A71A1A B83232 C84848 "
        "D65C5C E46F6F F08080 FC9090 840064 97197A A8308F B846A2 C659B3 D46CC3 E07CD2 EC8CE0 "
        "500084 68199A 7D30AD 9246C0 A459D0 B56CE0 C57CEE D48CFC 140090 331AA3 4E32B5 6848C6 "
        "7F5CD5 956FE3 A980F0 BC90FC 000094 181AA7 2D32B8 4248C8 545CD6 656FE4 7580F0 8490FC "
        "001C88 183B9D 2D57B0 4272C2 548AD2 65A0E1 75B5EF 84C8FC 003064 185080 2D6D98 4288B0 "
        "54A0C5 65B7D9 75CCEB 84E0FC 004030 18624E 2D8169 429E82 54B899 65D1AE 75E7C2 84FCD4 "
        "004400 1A661A 328432 48A048 5CBA5C 6FD26F 80E880 90FC90 143C00 355F18 527E2D 6E9C42 "
        "87B754 9ED065 B4E775 C8FC84 303800 505916 6D762B 88923E A0AB4F B7C25F CCD86E E0EC7C "
        "482C00 694D14 866A26 A28638 BB9F47 D2B656 E8CC63 FCE070"
    ),
}
