use std::hint::black_box;

use super::{code, resident, rest};

#[test]
fn only_code_of_files_is_found() {
    let maps = "55d0a0000000-55d0a0100000 r--p 00000000 fe:00 1 /usr/libexec/holdfast/holdfast-agent\n\
                55d0a0100000-55d0a0900000 r-xp 00100000 fe:00 1 /usr/libexec/holdfast/holdfast-agent\n\
                55d0a0900000-55d0a0a00000 r--p 00900000 fe:00 1 /usr/libexec/holdfast/holdfast-agent\n\
                7f0000000000-7f0000100000 rw-p 00000000 00:00 0\n\
                7f0000200000-7f0000300000 r-xp 00000000 00:00 0\n\
                7f0000300000-7f0000400000 r-xs 00000000 fe:00 2 /usr/lib/shared\n\
                7ffc00000000-7ffc00001000 r-xp 00000000 00:00 0 [vdso]\n";
    let found: Vec<_> = maps.lines().filter_map(code).collect();
    assert_eq!(found, [(0x55d0_a010_0000, 0x80_0000)]);
}

#[test]
fn what_was_freed_is_given_back_and_everything_runs_on() {
    // Small pieces with one that stays above them: freeing them gives nothing back by itself.
    let pieces: Vec<Vec<u8>> = (0..64 * 1024).map(|_| black_box(vec![1; 512])).collect();
    let stays = black_box(vec![1_u8; 512]);
    drop(pieces);
    let before = resident().unwrap();
    rest();
    let after = resident().unwrap();
    assert!(after + 16 * 1024 < before, "{before} kB, then {after} kB");
    assert_eq!(stays.len(), 512);
}
