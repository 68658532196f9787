//! Datagrams of a handshake, changed in any way: no changed one opens a channel, and the real ones still do afterwards.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sinew_firmware_host::wire::authentication::Key;
use sinew_firmware_host::wire::authentication::handshake::{Initiator, Responder};

fuzz_target!(|input: &[u8]| {
    let key = || Key::new([7; 32]);
    let host = Initiator::new(key(), [1; 32]);
    let mut robot = Responder::new(key(), [2; 32]);
    let initiation = host.initiate();
    let response = robot.respond(&initiation).expect("the host's own");
    let (_, confirmation) = host.finish(&response).expect("the robot's own");
    for real in [&initiation[..], &response, &confirmation] {
        // As it is, and laid over what is real.
        let mut laid_over = real.to_vec();
        for (byte, change) in laid_over.iter_mut().zip(input) {
            *byte ^= change;
        }
        for datagram in [input, &laid_over, &laid_over[..input.len().min(real.len())]] {
            assert!(robot.respond(datagram).is_err() || datagram == initiation);
            assert!(host.finish(datagram).is_err() || datagram == response);
            assert!(robot.clone().confirm(datagram, [3; 32]).is_err() || datagram == confirmation);
        }
    }
    assert!(robot.confirm(&confirmation, [3; 32]).is_ok());
});
