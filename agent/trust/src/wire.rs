//! The strings and numbers of the SSH wire format; see RFC 4251, section 5.

/// Takes values off the front of some bytes. Every method answers `None` when they do not suffice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wire<'a>(pub(crate) &'a [u8]);

impl<'a> Wire<'a> {
    pub(crate) fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    pub(crate) fn string(&mut self) -> Option<&'a [u8]> {
        let mut after = *self;
        let length = usize::try_from(after.number()?).ok()?;
        let (string, rest) = after.0.split_at_checked(length)?;
        self.0 = rest;
        Some(string)
    }

    /// A string of exactly `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        self.string()?.try_into().ok()
    }

    /// `Some` when nothing is left.
    pub(crate) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// Appends a string. Nothing that this crate writes comes near 4 GiB.
pub(crate) fn put(to: &mut Vec<u8>, string: &[u8]) {
    to.extend_from_slice(&u32::try_from(string.len()).unwrap_or(u32::MAX).to_be_bytes());
    to.extend_from_slice(string);
}
