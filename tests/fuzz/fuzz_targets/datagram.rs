//! Datagrams of a channel, changed, repeated and in any order: what opens is what was sealed, once, and in order.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sinew_firmware_host::wire::authentication::handshake::{Initiator, Responder};
use sinew_firmware_host::wire::authentication::{Key, LARGEST_DATAGRAM};

fuzz_target!(|input: &[u8]| {
    let host = Initiator::new(Key::new([7; 32]), [1; 32]);
    let mut robot = Responder::new(Key::new([7; 32]), [2; 32]);
    let response = robot.respond(&host.initiate()).expect("the host's own");
    let (mut at_host, confirmation) = host.finish(&response).expect("the robot's own");
    let mut at_robot = robot.confirm(&confirmation, [3; 32]).expect("the host's own");
    let mut sealed = Vec::new();
    for number in 0..8_u8 {
        let mut buffer = [0; LARGEST_DATAGRAM];
        sealed.push(at_host.seal(&[number; 20], &mut buffer).expect("it fits").to_vec());
    }
    let mut newest = None;
    let mut rest = input;
    // Each attempt: which datagram, where it is changed, and how.
    while let [which, place, change, behind @ ..] = rest {
        rest = behind;
        let number = which % 8;
        let mut datagram = sealed[usize::from(number)].clone();
        let place = usize::from(*place) % datagram.len();
        datagram[place] ^= change;
        match at_robot.open(&mut datagram) {
            Ok(frame) => {
                assert_eq!((frame, *change), (&[number; 20][..], 0));
                assert!(newest.is_none_or(|newest| number > newest));
                newest = Some(number);
            }
            Err(_) => assert!(*change != 0 || newest.is_some_and(|newest| number <= newest)),
        }
    }
    assert!(at_robot.open(&mut input.to_vec()).is_err());
});
