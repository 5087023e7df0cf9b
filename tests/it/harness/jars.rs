//! Apache Kafka as jars from Maven Central: fetched once, with a storage folder formatted for one node.
//!
//! Formatting costs a JVM start, and its result depends on the node and cluster ids alone, so it is
//! kept beside the jars and copied for each broker. Must never know ports or run folders.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::folder::cache;
use super::provision::{Absent, on_path, once, run};

/// The Kafka that the tests run against; brokers of it need Java 17.
pub const KAFKA_VERSION: &str = "4.3.1";

const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qk";

/// What a broker is started from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jars {
    java: PathBuf,
    classpath: String,
    formatted: PathBuf,
}

impl Jars {
    /// Finds or fetches the jars; absent without Java, Maven or the network on a first run.
    pub fn provide() -> Result<Jars, Absent> {
        let java = on_path("java").ok_or_else(|| Absent("no java on PATH; install Java 17".to_owned()))?;
        let folder = cache().join(format!("kafka-{KAFKA_VERSION}"));
        let jars = folder.join("jars");
        once(&jars, fetch)?;
        let listed = fs::read_to_string(jars.join("classpath"));
        let listed = listed.map_err(|e| Absent(format!("cannot read the class path: {e}")))?;
        // The list is relative to the folder, as the folder was filled under another name.
        let classpath = listed.trim().replace("$JARS", &jars.display().to_string());
        if let Some(gone) = classpath.split(':').find(|jar| !Path::new(jar).is_file()) {
            return Err(Absent(format!("{gone} is gone; remove {} to fetch it again", folder.display())));
        }
        let formatted = folder.join("formatted");
        once(&formatted, |partial| format(&java, &classpath, partial))?;
        Ok(Jars { java, classpath, formatted })
    }

    /// Copies the formatted storage into `data`, which is made.
    pub fn copy_formatted(&self, data: &Path) -> std::io::Result<()> {
        fs::create_dir_all(data)?;
        for entry in fs::read_dir(&self.formatted)? {
            let entry = entry?;
            fs::copy(entry.path(), data.join(entry.file_name()))?;
        }
        Ok(())
    }

    /// The command that runs a broker with the properties file.
    pub fn broker(&self, properties: &Path) -> Command {
        let mut command = Command::new(&self.java);
        // A small heap and the quickest compiler: a test broker starts often and lives for seconds.
        command.args(["-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
        command.args(["-cp", &self.classpath, "kafka.Kafka"]).arg(properties);
        command
    }

    /// The command that runs one of Kafka's own tools.
    pub fn tool(&self, class: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.java);
        command.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", &self.classpath, class]);
        command.args(arguments);
        command
    }
}

/// The part of the properties that both formatting and running need.
pub fn node_properties(broker_port: u16, controller_port: u16, data: &Path) -> String {
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller_port}\n\
         listeners=PLAINTEXT://127.0.0.1:{broker_port},CONTROLLER://127.0.0.1:{controller_port}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{broker_port}\n\
         controller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         log.dirs={}\n",
        data.display()
    )
}

fn fetch(folder: &Path) -> Result<(), Absent> {
    let maven =
        on_path("mvn").ok_or_else(|| Absent("no mvn on PATH to fetch Kafka; install Maven".to_owned()))?;
    let trouble = |e: std::io::Error| Absent(format!("cannot write {}: {e}", folder.display()));
    fs::write(folder.join("pom.xml"), pom()).map_err(trouble)?;
    let mut resolve = Command::new(maven);
    resolve.args(["-q", "-B", "dependency:build-classpath", "-Dmdep.outputFile=resolved"]);
    resolve.arg(format!("-Dmaven.repo.local={}", folder.join("repository").display()));
    run(resolve.current_dir(folder))?;
    let resolved = fs::read_to_string(folder.join("resolved")).map_err(trouble)?;
    let relative = resolved.replace(&folder.display().to_string(), "$JARS");
    fs::write(folder.join("classpath"), relative).map_err(trouble)
}

fn pom() -> String {
    format!(
        r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>intraday</groupId>
  <artifactId>test-broker</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"#
    )
}

fn format(java: &Path, classpath: &str, folder: &Path) -> Result<(), Absent> {
    let trouble = |e: std::io::Error| Absent(format!("cannot write {}: {e}", folder.display()));
    let properties = folder.join("format.properties");
    // The ports are of no effect here: nothing listens, and the static quorum is not stored.
    fs::write(&properties, node_properties(9092, 9093, folder)).map_err(trouble)?;
    let mut command = Command::new(java);
    command.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", classpath]);
    command.args(["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "--config"]);
    run(command.arg(&properties))?;
    fs::remove_file(&properties).map_err(trouble)
}
