//! The Merkle tree of RFC 6962 over the log's lines.
//!
//! Leaf = SHA-256(0x00 ‖ line), node = SHA-256(0x01 ‖ left ‖ right). Only the right edge is kept
//! while appending: one hash for each bit that is set in the tree's size, largest subtree first.

use sha2::{Digest, Sha256};

/// A SHA-256 value.
pub type Hash = [u8; 32];

/// The hash of one line of the log.
#[must_use]
pub fn leaf_hash(line: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(line).finalize().into()
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The right edge of a growing tree: enough to append, and to tell the root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    // One hash for each set bit of `size`, the largest subtree first.
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// From its stored form, the concatenated hashes, for a tree of `size` leaves.
    /// `None` when the two do not fit.
    #[must_use]
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Option<Self> {
        let (subtrees, rest) = bytes.as_chunks::<32>();
        let fits = rest.is_empty() && u32::try_from(subtrees.len()) == Ok(size.count_ones());
        fits.then(|| Self { size, subtrees: subtrees.to_vec() })
    }

    /// Its stored form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.subtrees.concat()
    }

    /// How many leaves it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut subtree = leaf;
        // Every trailing one of the size is a complete subtree that the new one closes.
        for _ in 0..self.size.trailing_ones() {
            let left = self.subtrees.pop().expect("a set bit of the size has its subtree");
            subtree = node_hash(&left, &subtree);
        }
        self.subtrees.push(subtree);
        self.size += 1;
    }

    /// The root; of an empty tree, the hash of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut smallest_first = self.subtrees.iter().rev();
        match smallest_first.next() {
            None => Sha256::digest([]).into(),
            Some(last) => smallest_first.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

/// Lower-case hex of a hash.
#[must_use]
pub fn hex(hash: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_agree_with_an_independent_implementation() {
        let mut theirs = ct_merkle::mem_backed_tree::MemoryBackedTree::<Sha256, Vec<u8>>::new();
        let mut ours = Frontier::default();
        for n in 0..200_u32 {
            let line = format!("line {n}");
            ours.push(leaf_hash(line.as_bytes()));
            theirs.push(line.into_bytes());
            assert_eq!(ours.root().as_slice(), theirs.root().as_bytes().as_slice(), "size {n}");
        }
    }

    #[test]
    fn the_empty_root_is_the_hash_of_nothing() {
        assert_eq!(
            hex(&Frontier::default().root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn a_frontier_survives_its_stored_form() {
        let mut frontier = Frontier::default();
        for n in 0..77_u8 {
            frontier.push(leaf_hash(&[n]));
            let restored = Frontier::from_bytes(frontier.size(), &frontier.to_bytes());
            assert_eq!(restored.as_ref(), Some(&frontier));
        }
        assert_eq!(Frontier::from_bytes(76, &frontier.to_bytes()), None);
    }
}
