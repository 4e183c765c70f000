//! Runtrail runs as JSON trees and events as JSON Lines.
