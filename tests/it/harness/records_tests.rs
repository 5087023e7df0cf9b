//! Tests of `records` against the shared broker.

use super::*;
use crate::harness;
use crate::harness::provision::{Packaged, present, tool};

fn values(records: &[Record]) -> Vec<&str> {
    records.iter().map(|r| std::str::from_utf8(r.value.as_deref().unwrap_or(b"-")).unwrap()).collect()
}

#[test]
fn records_come_back_whole_and_in_order() {
    let Some(kafka) = harness::kafka() else { return };
    let topic = unique_name("round-trip");
    kafka.create_topic(&topic, 2, &[("retention.ms", "-1")]);
    assert_eq!(kafka.partitions(&topic), 2);
    assert_eq!(kafka.read_all(&topic, Isolation::Committed), []);

    let headers = vec![("traced".to_owned(), Some(b"yes".to_vec())), ("empty".to_owned(), None)];
    let first = Outgoing {
        partition: 1,
        key: Some(b"k".to_vec()),
        value: Some(b"v".to_vec()),
        timestamp_ms: Some(1_700_000_000_123),
        headers,
    };
    let tombstone = Outgoing { value: None, headers: Vec::new(), ..first.clone() };
    let ends = kafka.produce_all(&topic, &[first.clone(), tombstone]);
    assert_eq!(ends, BTreeMap::from([(1, 1)]));
    assert_eq!(kafka.produce(&topic, 0, None, Some(b"keyless"), Some(5)), 0);

    let read = kafka.read_all(&topic, Isolation::Committed);
    let places: Vec<_> = read.iter().map(|r| (r.partition, r.offset, r.timestamp_ms)).collect();
    assert_eq!(places, [(0, 0, Some(5)), (1, 0, first.timestamp_ms), (1, 1, first.timestamp_ms)]);
    assert_eq!((&read[1].key, &read[1].value, &read[1].headers), (&first.key, &first.value, &first.headers));
    assert_eq!((&read[0].key, &read[2].value), (&None, &None));
}

#[test]
fn only_committed_transactions_are_read_as_committed() {
    let Some(kafka) = harness::kafka() else { return };
    let topic = unique_name("transactions");
    kafka.create_topic(&topic, 1, &[]);
    let producer = kafka.transactional(&unique_name("writer"));
    for (value, commit) in [("kept", true), ("dropped", false), ("kept too", true)] {
        producer.begin_transaction().unwrap();
        producer
            .send(BaseRecord::<str, str>::to(&topic).partition(0).payload(value))
            .map_err(|(e, _)| e)
            .unwrap();
        // An abort without a flush would discard the record before the broker sees it.
        producer.flush(LIMIT).unwrap();
        let ended =
            if commit { producer.commit_transaction(LIMIT) } else { producer.abort_transaction(LIMIT) };
        ended.unwrap();
    }
    producer.begin_transaction().unwrap();
    producer
        .send(BaseRecord::<str, str>::to(&topic).partition(0).payload("open"))
        .map_err(|(e, _)| e)
        .unwrap();
    producer.flush(LIMIT).unwrap();

    assert_eq!(values(&kafka.read_all(&topic, Isolation::Committed)), ["kept", "kept too"]);
    let all = kafka.read_all(&topic, Isolation::Uncommitted);
    assert_eq!(values(&all), ["kept", "dropped", "kept too", "open"]);
    // Each end of a transaction takes an offset of its own.
    assert_eq!(all.iter().map(|r| r.offset).collect::<Vec<_>>(), [0, 2, 4, 6]);
    producer.abort_transaction(LIMIT).unwrap();
}

#[test]
fn a_newer_producer_of_the_same_id_fences_the_older() {
    let Some(kafka) = harness::kafka() else { return };
    let topic = unique_name("fenced");
    kafka.create_topic(&topic, 1, &[]);
    let id = unique_name("writer");
    let older = kafka.transactional(&id);
    older.begin_transaction().unwrap();
    older.send(BaseRecord::<str, str>::to(&topic).partition(0).payload("lost")).map_err(|(e, _)| e).unwrap();
    older.flush(LIMIT).unwrap();
    let newer = kafka.transactional(&id);
    let fenced = older.commit_transaction(LIMIT).unwrap_err();
    assert_eq!(fenced.rdkafka_error_code(), Some(RDKafkaErrorCode::Fenced), "{fenced}");
    newer.begin_transaction().unwrap();
    newer.commit_transaction(LIMIT).unwrap();
    assert_eq!(kafka.read_all(&topic, Isolation::Committed), []);
}

#[test]
fn deleted_records_move_the_low_watermark() {
    let Some(kafka) = harness::kafka() else { return };
    let topic = unique_name("deleted");
    kafka.create_topic(&topic, 1, &[]);
    let records: Vec<Outgoing> = (0..1_000)
        .map(|n: i32| Outgoing { value: Some(n.to_string().into_bytes()), ..Outgoing::default() })
        .collect();
    kafka.produce_all(&topic, &records);
    assert_eq!(kafka.watermarks(&topic), BTreeMap::from([(0, (0, 1_000))]));
    kafka.delete_records(&topic, 0, 997);
    assert_eq!(kafka.watermarks(&topic), BTreeMap::from([(0, (997, 1_000))]));
    assert_eq!(values(&kafka.read_all(&topic, Isolation::Committed)), ["997", "998", "999"]);
    kafka.delete_topic(&topic);
}

#[test]
fn committed_offsets_are_those_of_the_group() {
    let Some(kafka) = harness::kafka() else { return };
    let topic = unique_name("committed");
    kafka.create_topic(&topic, 2, &[]);
    let group = unique_name("group");
    assert_eq!(kafka.committed(&group, &topic), BTreeMap::new());
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(&topic, 1, Offset::Offset(42)).unwrap();
    let member = consumer(kafka.client().set("group.id", &group));
    member.commit(&offsets, rdkafka::consumer::CommitMode::Sync).unwrap();
    assert_eq!(kafka.committed(&group, &topic), BTreeMap::from([(1, 42)]));
}

#[test]
fn kcat_sees_the_broker_and_its_topics() {
    let Some(kafka) = harness::kafka() else { return };
    let Some(kcat) = present(tool(Packaged::Kcat)) else { return };
    let topic = unique_name("listed");
    kafka.create_topic(&topic, 3, &[]);
    let mut list = kcat.command();
    list.args(["-L", "-J", "-b", kafka.bootstrap()]);
    let listed = harness::guard::output_within(&mut list, b"", LIMIT).unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["brokers"][0]["name"], kafka.bootstrap());
    let topics = listed["topics"].as_array().unwrap();
    let ours = topics.iter().find(|t| t["topic"] == topic.as_str()).expect("the topic");
    assert_eq!(ours["partitions"].as_array().unwrap().len(), 3);
}
