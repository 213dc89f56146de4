//! Tokens of an image, by OpenAI's rules (<https://platform.openai.com/docs/guides/images-vision>, "Calculating
//! costs", and <https://learn.microsoft.com/azure/ai-services/openai/overview#image-input-tokens>).

use imagesize::blob_size;

/// What an image is scaled down to: it fits in a square of the first, and its shorter side has the second.
const FITS_PIXELS: u64 = 2048;
const SHORT_SIDE_PIXELS: u64 = 768;
const TILE_PIXELS: u64 = 512;
const PATCH_PIXELS: u64 = 32;
/// An image has no more patches: a larger one is scaled down until it fits.
const MAX_PATCHES: u64 = 1536;

/// How a model counts.
enum Rule {
    /// So many for each image, and so many for each tile of 512 pixels.
    Tiles { base: u64, tile: u64 },
    /// Each patch of 32 pixels is a token, times hundredths.
    Patches { hundredths: u64 },
}

/// By what is in the model's name; the first that fits. What is not named counts as gpt-4o.
const RULES: [(&str, Rule); 11] = [
    (
        "gpt-4o-mini",
        Rule::Tiles {
            base: 2833,
            tile: 5667,
        },
    ),
    ("gpt-4.1-mini", Rule::Patches { hundredths: 162 }),
    ("gpt-4.1-nano", Rule::Patches { hundredths: 246 }),
    ("gpt-5-mini", Rule::Patches { hundredths: 162 }),
    ("gpt-5-nano", Rule::Patches { hundredths: 246 }),
    ("o4-mini", Rule::Patches { hundredths: 172 }),
    (
        "computer-use",
        Rule::Tiles {
            base: 65,
            tile: 129,
        },
    ),
    (
        "gpt-5",
        Rule::Tiles {
            base: 70,
            tile: 140,
        },
    ),
    (
        "o1",
        Rule::Tiles {
            base: 75,
            tile: 150,
        },
    ),
    (
        "o3",
        Rule::Tiles {
            base: 75,
            tile: 150,
        },
    ),
    (
        "",
        Rule::Tiles {
            base: 85,
            tile: 170,
        },
    ),
];

/// Width and height, in pixels, that a file says at its beginning.
pub(super) fn size(head: &[u8]) -> Option<(u64, u64)> {
    let size = blob_size(head).ok()?;
    let (width, height) = (
        u64::try_from(size.width).ok()?,
        u64::try_from(size.height).ok()?,
    );
    (width > 0 && height > 0).then_some((width, height))
}

/// The tokens of an image. One whose size is not known (a URL, the id of a file) counts as the largest.
pub(super) fn tokens(model: &str, size: Option<(u64, u64)>, is_low: bool) -> u64 {
    let (width, height) = size.unwrap_or((FITS_PIXELS, SHORT_SIDE_PIXELS));
    let rule = RULES.iter().find(|(name, _)| model.contains(name));
    match rule {
        Some((_, Rule::Tiles { base, .. })) if is_low => *base,
        Some((_, Rule::Tiles { base, tile })) => {
            let (width, height) = fit(width, height, FITS_PIXELS, u64::max);
            let (width, height) = fit(width, height, SHORT_SIDE_PIXELS, u64::min);
            let tiles = width.div_ceil(TILE_PIXELS) * height.div_ceil(TILE_PIXELS);
            base + tile * tiles
        }
        Some((_, Rule::Patches { hundredths })) => {
            // Of low detail is what fits in one tile.
            let most = if is_low { TILE_PIXELS } else { u64::MAX };
            let (width, height) = fit(width, height, most, u64::max);
            let patches = width
                .div_ceil(PATCH_PIXELS)
                .saturating_mul(height.div_ceil(PATCH_PIXELS));
            (patches.min(MAX_PATCHES) * hundredths).div_ceil(100)
        }
        None => 0,
    }
}

/// Scales down until one side, the longer or the shorter, is no longer than that.
fn fit(width: u64, height: u64, most: u64, which: fn(u64, u64) -> u64) -> (u64, u64) {
    let side = which(width, height);
    if side <= most {
        return (width, height);
    }
    let scaled = |length: u64| {
        let scaled = u128::from(length) * u128::from(most) / u128::from(side);
        u64::try_from(scaled).unwrap_or(most).max(1)
    };
    (scaled(width), scaled(height))
}
