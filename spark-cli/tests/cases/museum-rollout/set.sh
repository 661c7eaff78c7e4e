# the traffic is a file with a share; whoever moves it leaves a mark, and the key of the step
echo "$1" > share
echo "$SPARK_STEP $1" >> asked
touch "share-$1"
